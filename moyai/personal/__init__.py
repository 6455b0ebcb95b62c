"""The personal broker: where a resident's linkable data lies, and one interface to it (guidebook 1.1.4, 1.1.5).

Functions that touch personal content take a `Permit` from `moyai.consent.gate`.
"""
