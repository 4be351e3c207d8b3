// Go's net/http at its best, as a peer: the same order, one process, GOMAXPROCS=1 for the comparison per core.
//
//	go_sender ORDER.json            sends the order and prints the score, as benchmarks/peers/order.py describes
//	go_sender --encrypt ORDER.json  prints the encrypted bodies instead, one a line in base64url, for the tests
//
// What is tuned: HTTP/2 over a kept connection, round trips without the redirects and cookies of http.Client, requests
// built by hand, a signature per service instead of per message, HKDF as bare HMACs. More connections, more goroutines
// and fewer rounds of garbage collection were tried and changed nothing.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type push struct {
	Address address `json:"address"`
	Payload string  `json:"payload"`
}

type address struct {
	Token    string `json:"token"`
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

type order struct {
	Provider    string            `json:"provider"`
	Pushes      []push            `json:"pushes"`
	WarmUp      int               `json:"warm_up"`
	Concurrency int               `json:"concurrency"`
	Origin      string            `json:"origin"`
	CAFile      string            `json:"ca_file"`
	Credential  map[string]string `json:"credential"`
	TTLSeconds  int               `json:"ttl_s"`
}

type score struct {
	Messages int     `json:"messages"`
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu_s"`
}

// A sender makes the request of one push.
type sender interface {
	request(p *push) (*http.Request, error)
	accepted() int
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "go_sender:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 2 && arguments[0] == "--encrypt" {
		return printEncrypted(arguments[1])
	}
	if len(arguments) != 1 {
		return fmt.Errorf("usage: go_sender [--encrypt] ORDER.json")
	}
	o, err := readOrder(arguments[0])
	if err != nil {
		return err
	}
	client, err := newClient(o.CAFile)
	if err != nil {
		return err
	}
	s, err := newSender(o, client)
	if err != nil {
		return err
	}
	if err := sendAll(client, s, o.Pushes[:o.WarmUp], o.Concurrency); err != nil {
		return err
	}
	began, cpu := time.Now(), cpuSeconds()
	timed := o.Pushes[o.WarmUp:]
	if err := sendAll(client, s, timed, o.Concurrency); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(score{len(timed), time.Since(began).Seconds(), cpuSeconds() - cpu})
}

func readOrder(file string) (*order, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	o := new(order)
	return o, json.Unmarshal(text, o)
}

func newSender(o *order, client http.RoundTripper) (sender, error) {
	switch o.Provider {
	case "webpush":
		return newWebPush(o)
	case "apns":
		return newAPNs(o)
	case "fcm":
		return newFCM(o, client)
	}
	return nil, fmt.Errorf("no provider is called %q", o.Provider)
}

// sendAll lets `concurrency` goroutines share the pushes; the first failure is returned when all have ended.
func sendAll(client http.RoundTripper, s sender, pushes []push, concurrency int) error {
	var next atomic.Int64
	var all sync.WaitGroup
	failures := make(chan error, concurrency)
	for range concurrency {
		all.Add(1)
		go func() {
			defer all.Done()
			for place := next.Add(1) - 1; int(place) < len(pushes); place = next.Add(1) - 1 {
				if err := sendOne(client, s, &pushes[place]); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	all.Wait()
	close(failures)
	return <-failures
}

func sendOne(client http.RoundTripper, s sender, p *push) error {
	request, err := s.request(p)
	if err != nil {
		return err
	}
	answer, err := client.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != s.accepted() {
		return fmt.Errorf("the sink answered %d", answer.StatusCode)
	}
	return drain(answer.Body)
}

func printEncrypted(file string) error {
	o, err := readOrder(file)
	if err != nil {
		return err
	}
	for place := range o.Pushes {
		body, err := encrypt(&o.Pushes[place])
		if err != nil {
			return err
		}
		fmt.Println(base64.RawURLEncoding.EncodeToString(body))
	}
	return nil
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
