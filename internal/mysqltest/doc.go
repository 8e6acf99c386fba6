// Package mysqltest gives tests real MySQL servers: one of release 5.7, as the
// databases that wait for their upgrade, and one of the newest release that
// can be had, as the judge of what an upgraded server accepts.
//
// There are three ways to a server, tried in this order, and every server says
// which one it took (Server.Way):
//
//  1. "address": a DSN of the Go driver in RDSUPGRADE_TEST_MYSQL57 or
//     RDSUPGRADE_TEST_MYSQL9. The account needs all privileges.
//  2. "docker": where a Docker engine answers, the images mysql:5.7 and
//     mysql:8.4 (RDSUPGRADE_TEST_IMAGE57 and RDSUPGRADE_TEST_IMAGE9 name others).
//  3. "recipe": 5.7.30 as the Windows build under wine64, from an npm package
//     with a known checksum; the newest release as Debian's package, unpacked
//     privately with the mirror of the machine's own apt sources.
//
// Where no way works, the test fails with one line that names what is missing.
// It is never skipped: a green run must mean that the servers were there.
//
// The two shared servers (Old and New) are started by the first test that asks,
// survive it, and serve all test packages that run at the same time; a state
// file under the cache directory holds their addresses, and a file lock keeps
// the packages from starting them twice. `go run ./internal/mysqltest/cmd/mysqltest down`
// stops them. Tests on a shared server keep to schemas of their own (Schema),
// and never change its global variables: for that there is Private.
package mysqltest
