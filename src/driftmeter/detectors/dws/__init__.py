"""DWS: a dyadic-window scan with a budget of false alarms."""
