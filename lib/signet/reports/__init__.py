"""What waits for the cloud?"""
