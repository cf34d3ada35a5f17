"""Tables as they are sent, checked against a data contract."""
