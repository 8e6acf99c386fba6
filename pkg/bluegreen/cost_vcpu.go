package bluegreen

import (
	"strconv"
	"strings"
)

// vcpuExceptions are the classes whose vCPUs do not follow from the size's
// name. AWS's hardware specification tables for DB instance classes.
var vcpuExceptions = map[string]int{
	"db.t1.micro": 1,
	"db.t2.micro": 1, "db.t2.small": 1, "db.t2.medium": 2,
	"db.t3.micro": 2, "db.t3.small": 2, "db.t3.medium": 2,
	"db.t4g.micro": 2, "db.t4g.small": 2, "db.t4g.medium": 2,
	"db.m1.small": 1, "db.m1.medium": 1, "db.m1.large": 2, "db.m1.xlarge": 4,
	"db.m2.xlarge": 2, "db.m2.2xlarge": 4, "db.m2.4xlarge": 8,
	"db.m3.medium": 1,
}

// VCPUs is the number of virtual CPUs of a DB instance class, which is what
// Extended Support is charged by. From large upwards AWS's sizes are regular:
// large has 2, xlarge 4, Nxlarge 4 times N. False means the class is not one
// with fixed CPUs (db.serverless) or its name is not understood.
func VCPUs(class string) (int, bool) {
	if n, ok := vcpuExceptions[class]; ok {
		return n, true
	}
	parts := strings.Split(class, ".")
	if len(parts) != 3 || parts[0] != "db" || parts[1] == "" || parts[1] == "m1" || parts[1] == "m2" {
		return 0, false
	}
	switch size := parts[2]; size {
	case "large":
		return 2, true
	case "xlarge":
		return 4, true
	default:
		n, found := strings.CutSuffix(size, "xlarge")
		k, err := strconv.Atoi(n)
		if !found || err != nil || k < 2 || k > 96 {
			return 0, false
		}
		return 4 * k, true
	}
}
