//! A virtual Quectel LTE module.
