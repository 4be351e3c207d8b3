package steeple;

/** The gateway refused, in its own words. {@code code} is one of docs/reference/errors.md. */
public final class SteepleException extends Exception {
    private static final long serialVersionUID = 1L;

    public final int status;
    public final String code;
    /** The field that is at fault; null where none is. */
    public final String param;
    /** When a try may have better luck, in seconds; 0 where the gateway did not say. */
    public final long retryAfterS;

    SteepleException(int status, String code, String param, String message, long retryAfterS) {
        super(status + " " + code + ": " + message);
        this.status = status;
        this.code = code;
        this.param = param;
        this.retryAfterS = retryAfterS;
    }

    /** Whether the same call may succeed later: the gateway was busy or away. */
    public boolean isPassing() {
        return status == 429 || status >= 500;
    }

    /** Whether the gateway no longer knows this device by this secret, or has its address under another id. */
    boolean isLost() {
        return status == 401 || status == 404 || status == 409;
    }
}
