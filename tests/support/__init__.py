"""What tests of several rooms share: servers, clocks, ports, waiting, data."""
