//! meshform makes an automation mesh declarative: YAML files declare the instances (nodes) of an AWX, Ansible Automation
//! Platform or Oracle Linux Automation Manager controller, and the program compares them with the controller's API, prints a
//! plan and applies it in dependency order.
//!
//! `ARCHITECTURE.md` tells what each room holds and what it may know.

pub mod apply;
pub mod cli;
pub mod config;
pub mod controller;
pub mod mesh;
pub mod plan;
pub mod render;
pub mod sandbox;
