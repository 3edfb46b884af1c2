"""How many subjects a design needs: simulated studies before any animal or person is asked."""
