"""The command line; HTTP and pages follow."""
