"""What happens next: pure functions over values, facts and the present instant."""
