"""What could overturn a finding."""
