"""What people see and do: pages, sign-in, HTTP interfaces and the `myopanel` command. Imports jobs and models."""

__version__ = "0.2.0.dev0"
