"""Alibaba Cloud IoT Platform."""
