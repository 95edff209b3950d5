"""e-SR, a betting detector with a proof: detector.py keeps the capital, bets.py says what a row pays each bet."""
