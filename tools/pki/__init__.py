"""How are keys and certificates made, uploaded, explained: `signet pki`?"""
