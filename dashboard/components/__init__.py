"""Small pieces used on several pages: badges, dates, numbers, empty states, graphs."""
