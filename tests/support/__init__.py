"""Helpers of the tests: loopback servers, hostile input, made images and tars."""
