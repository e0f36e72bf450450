"""What runs the tables by itself: sensors, schedules and automation conditions, and the pure functions that decide for them."""
