"""DWS, a dyadic-window scan with a budget of false alarms: scan.py keeps the windows, each test has a file."""
