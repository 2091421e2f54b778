"""What was found, as files for people who were not there: a page and a workbook."""
