"""How a line of each table becomes a row: where the cells are read, and what makes a line be refused."""
