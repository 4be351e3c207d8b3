package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	connectionsMax = 1
	idleFor        = 10 * time.Minute
	readFrameMax   = 64 << 10
	bufferMax      = 4 << 20
)

// newClient trusts the sink's authority and speaks HTTP/2 over one kept connection, which is as fast as four.
func newClient(caFile string) (*http.Transport, error) {
	authority, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return &http.Transport{
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     connectionsMax,
		MaxIdleConnsPerHost: connectionsMax,
		IdleConnTimeout:     idleFor,
		DisableCompression:  true,
		WriteBufferSize:     readFrameMax,
		ReadBufferSize:      readFrameMax,
		TLSClientConfig:     &tls.Config{RootCAs: trusted, ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		HTTP2: &http.HTTP2Config{
			MaxReadFrameSize:              readFrameMax,
			MaxReceiveBufferPerConnection: bufferMax,
		},
	}, nil
}

// post is http.NewRequest without parsing what is known already.
func post(to *url.URL, header http.Header, body []byte) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func drain(body io.Reader) error {
	if body == http.NoBody {
		return nil
	}
	_, err := io.Copy(io.Discard, body)
	return err
}
