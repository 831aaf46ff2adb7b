"""Training and measuring the learned part of the crisis screen. Not needed to run it."""
