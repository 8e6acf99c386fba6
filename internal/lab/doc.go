// Package lab is a small RDS with real servers: the simulated control plane of
// internal/rdssim, and behind each name a TCP proxy in front of a MySQL server
// that keeps data, writes a binary log and replicates. Blue is MySQL 5.7,
// green the newest release there is; a deployment copies the data and starts
// real replication, a switchover stops writes, waits for green, swaps the
// names and makes green writable.
//
// What is not real is listed in docs/lab.md.
package lab
