"""What every room stands on: clocks, telephone numbers, rates, deadlines and the endpoint contracts. No I/O."""
