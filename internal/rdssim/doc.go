// Package rdssim is a model of Amazon RDS for MySQL, as far as blue/green
// deployments touch it: instances and their replicas, parameter and option
// groups, deployments with their tasks and switchovers, events, logs, quotas
// and throttling, in several accounts and Regions.
//
// The model is a state machine over a clock. Nothing runs on its own: every
// call first brings the state up to the clock's present by playing the due
// transitions in their order, then answers. So it works with the real clock,
// with an accelerated one (Options.Speed), and with virtual time.
//
// How RDS behaves is taken from the AWS documentation and from practitioners'
// reports; docs/rdssim.md says what is modelled, what is not, and where AWS's
// behaviour is not established.
package rdssim
