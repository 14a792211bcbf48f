"""How do the pages of the project become a site, and are their links and commands right?"""
