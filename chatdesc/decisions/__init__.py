"""What people decide about texts: kept in journals, served to a browser, applied to rows and to a dataset's files."""
