"""HTTPS, and WebSocket, which begins so."""
