//go:build !race

package rdssim

const raceEnabled = false
