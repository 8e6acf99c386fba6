package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// discoverOptions are the flags of discover.
type discoverOptions struct {
	path                          string // plan, "" without one
	regions                       []string
	profile, role, externalID     string
	csv, draft, all               bool
	name, target, waveTag, prices string
}

func discoverCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "discover", Usage: "what runs in the accounts and Regions, and what its support costs", ArgsUsage: "[PLAN]",
		Description: "Accounts and Regions come from a PLAN, or from --region with --profile or --role-arn. Lists\n" +
			"databases whose line is past standard support; --all lists every RDS for MySQL database.",
		Flags: withGlobal(
			&cli.StringSliceFlag{Name: "region", Usage: "look in Region `NAME`"},
			&cli.StringFlag{Name: "profile", Usage: "`NAME` of a profile of the shared AWS config"},
			&cli.StringFlag{Name: "role-arn", Usage: "`ARN` of a role to assume"},
			&cli.StringFlag{Name: "external-id", Usage: "`ID` that goes with the role"},
			&cli.BoolFlag{Name: "all", Usage: "databases in standard support, too"},
			&cli.BoolFlag{Name: "csv", Usage: "comma-separated values on stdout"},
			&cli.BoolFlag{Name: "draft-plan", Usage: "a plan to start from, on stdout"},
			&cli.StringFlag{Name: "name", Value: "upgrade", Usage: "`NAME` of the drafted campaign"},
			&cli.StringFlag{Name: "target", Value: "8.4", Usage: "`VERSION` of the drafted campaign"},
			&cli.StringFlag{Name: "wave-tag", Value: "env", Usage: "`TAG` whose values make the drafted waves"},
			&cli.StringFlag{Name: "prices", Usage: "price `FILE` instead of the built-in one"}),
		Action: func(c *cli.Context) error {
			g, err := readGlobal(c, s)
			if err != nil {
				return err
			}
			defer g.closeLog()
			o := discoverOptions{regions: splitList(c.StringSlice("region")), profile: c.String("profile"), role: c.String("role-arn"),
				externalID: c.String("external-id"), all: c.Bool("all"), csv: c.Bool("csv"), draft: c.Bool("draft-plan"), name: c.String("name"),
				target: c.String("target"), waveTag: c.String("wave-tag"), prices: c.String("prices")}
			if c.Args().Present() {
				if o.path, err = planArg(c); err != nil {
					return err
				}
			}
			return runDiscover(ctx, s, g, o)
		},
	}
}

// where is the plan, or the accounts that the flags name.
func (o discoverOptions) where() (*plan.Plan, error) {
	if o.path != "" {
		if len(o.regions) > 0 || o.profile != "" || o.role != "" {
			return nil, usage("discover takes a PLAN or --region, not both")
		}
		return loadPlan(o.path)
	}
	if len(o.regions) == 0 {
		return nil, usage("discover needs a PLAN or --region")
	}
	return &plan.Plan{Accounts: []plan.Account{{Profile: o.profile, RoleARN: o.role, ExternalID: o.externalID, Regions: o.regions}},
		ServiceTag: "service", OwnerTag: "owner"}, nil
}

func runDiscover(ctx contexts, s streams, g global, o discoverOptions) error {
	prices, err := loadPrices(o.prices)
	if err != nil {
		return err
	}
	p, err := o.where()
	if err != nil {
		return err
	}
	a, err := dial(ctx.hard, p, g.endpoint)
	if err != nil {
		return err
	}
	defer a.close()
	inv, err := fleet.Discover(ctx.hard, a.scopes, time.Now(), fleet.DiscoverOptions{ServiceTag: p.ServiceTag, OwnerTag: p.OwnerTag, Prices: prices, All: o.all})
	if err != nil {
		return err
	}
	switch {
	case o.draft:
		_, err = io.WriteString(s.out, fleet.DraftPlan(inv, fleet.DraftOptions{Name: o.name, Target: o.target, WaveTag: o.waveTag,
			Profile: o.profile, RoleARN: o.role, ExternalID: o.externalID}))
	case o.csv:
		err = inventoryCSV(s.out, inv)
	case g.json:
		err = printJSON(s.out, inv)
	default:
		printInventory(s.out, inv)
	}
	if err != nil {
		return err
	}
	for _, u := range inv.Unreachable {
		fmt.Fprintln(s.err, "could not be read: "+visible(u))
	}
	if len(inv.Unreachable) > 0 {
		return exitWith(exitFindings)
	}
	return nil
}

func printInventory(w io.Writer, inv fleet.Inventory) {
	var rows [][]string
	var sum float64
	known := true
	for _, f := range inv.Databases {
		rows = append(rows, []string{f.ID, f.Account, f.Region, f.Version, f.Class, fmt.Sprintf("%s %d GiB", f.StorageType, f.AllocatedGiB),
			strconv.Itoa(f.Replicas), string(f.Support), f.Until, money(f.FeePerDay)})
		sum, known = sum+f.FeePerDay.USD, known && f.FeePerDay.Known
	}
	table(w, []string{"DATABASE", "ACCOUNT", "REGION", "VERSION", "CLASS", "STORAGE", "REPLICAS", "SUPPORT", "UNTIL", "FEE A DAY"}, rows, cutAt(w))
	more := ""
	if !known {
		more = " and more"
	}
	fmt.Fprintf(w, "\n%s, Extended Support about %.2f USD%s a day (estimate)\n", plural(len(inv.Databases), "database"), sum, more)
	for _, scope := range sortedMap(inv.Sources) {
		fmt.Fprintf(w, "calendar of %s from %s\n", scope, inv.Sources[scope])
	}
}

func inventoryCSV(w io.Writer, inv fleet.Inventory) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"account", "region", "id", "version", "class", "storage_type", "allocated_gib", "iops", "multi_az", "replicas", "status",
		"service", "owner", "support", "support_until", "extended_support_usd_day", "deployment"}}
	for _, f := range inv.Databases {
		usd := ""
		if f.FeePerDay.Known {
			usd = strconv.FormatFloat(f.FeePerDay.USD, 'f', 2, 64)
		}
		rows = append(rows, []string{f.Account, f.Region, f.ID, f.Version, f.Class, f.StorageType, strconv.Itoa(f.AllocatedGiB), strconv.Itoa(f.IOPS),
			strconv.FormatBool(f.MultiAZ), strconv.Itoa(f.Replicas), f.Status, cell(f.Service), cell(f.Owner), string(f.Support), f.Until, usd, f.Deployment})
	}
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("write the inventory: %w", err)
	}
	return nil
}

// cell keeps a tag from being taken for a formula by a spreadsheet.
func cell(s string) string {
	s = visible(s)
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
