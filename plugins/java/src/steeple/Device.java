package steeple;

/** This device at the gateway: its id, and the secret that proves it. Keep both where other apps cannot read. */
public final class Device {
    public final String id;
    public final String secret;

    public Device(String id, String secret) {
        this.id = id;
        this.secret = secret;
    }
}
