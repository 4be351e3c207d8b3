package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	recordSize    = 4096 // RFC 8188: rs, one record holds the whole message
	saltSize      = 16
	keySize       = 16
	nonceSize     = 12
	authSize      = 16
	vapidLifetime = 12 * time.Hour
)

type webPush struct{ header http.Header }

// newWebPush signs once: a VAPID token (RFC 8292) holds for a service, not for a message.
func newWebPush(o *order) (sender, error) {
	key, err := signingKey(o.Credential["pem"])
	if err != nil {
		return nil, err
	}
	expires := time.Now().Add(vapidLifetime).Unix()
	token, err := key.token(map[string]any{}, map[string]any{
		"aud": o.Origin, "exp": expires, "sub": o.Credential["subject"],
	})
	if err != nil {
		return nil, err
	}
	return &webPush{http.Header{
		"Authorization":    {"vapid t=" + token + ", k=" + o.Credential["public_key"]},
		"Content-Encoding": {"aes128gcm"},
		"Content-Type":     {"application/octet-stream"},
		"Ttl":              {strconv.Itoa(o.TTLSeconds)},
	}}, nil
}

func (w *webPush) accepted() int { return http.StatusCreated }

func (w *webPush) request(p *push) (*http.Request, error) {
	to, err := url.Parse(p.Address.Endpoint)
	if err != nil {
		return nil, err
	}
	body, err := encrypt(p)
	if err != nil {
		return nil, err
	}
	return post(to, w.header, body), nil
}

// encrypt is RFC 8291 with the coding of RFC 8188: a new key for each message.
func encrypt(p *push) ([]byte, error) {
	point, err := base64.RawURLEncoding.DecodeString(p.Address.Keys.P256dh)
	if err != nil {
		return nil, err
	}
	auth := make([]byte, authSize)
	if _, err := base64.RawURLEncoding.Decode(auth, []byte(p.Address.Keys.Auth)); err != nil {
		return nil, err
	}
	receiver, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	shared, err := own.ECDH(receiver)
	if err != nil {
		return nil, err
	}
	ownPoint := own.PublicKey().Bytes()
	info := append(append([]byte("WebPush: info\x00"), point...), ownPoint...)
	material := expand(mac(auth, shared), info)

	body := make([]byte, saltSize, saltSize+5+len(ownPoint)+len(p.Payload)+1+aes.BlockSize)
	if _, err := rand.Read(body); err != nil {
		return nil, err
	}
	secret := mac(body[:saltSize], material)
	key := expand(secret, []byte("Content-Encoding: aes128gcm\x00"))[:keySize]
	nonce := expand(secret, []byte("Content-Encoding: nonce\x00"))[:nonceSize]
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(append(body, byte(len(ownPoint))), ownPoint...)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain := append([]byte(p.Payload), 2) // the delimiter of the last record
	return sealer.Seal(body, nonce, plain, nil), nil
}

// expand is HKDF-Expand (RFC 5869) for at most one block.
func expand(key, info []byte) []byte { return mac(key, append(info, 1)) }

func mac(key, text []byte) []byte {
	made := hmac.New(sha256.New, key)
	made.Write(text)
	return made.Sum(nil)
}
