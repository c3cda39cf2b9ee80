//! The bank: its port, the open-banking connector and the simulator.
