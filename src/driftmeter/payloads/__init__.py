"""Payloads: the requests and answers of model servers, in the forms that serving systems use, as columns. Pure."""
