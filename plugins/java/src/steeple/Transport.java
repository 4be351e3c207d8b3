package steeple;

import java.io.IOException;

/**
 * One HTTP request. {@link HttpTransport} is Java's own client, which Android does not have: an app there gives one over
 * the HTTP client that it brings along (it must be able to say PATCH, which HttpURLConnection cannot).
 */
public interface Transport {
    /**
     * @param bearer the key or secret for the Authorization header; null for none
     * @param body JSON; null for none
     */
    Answer send(String method, String url, String bearer, String body) throws IOException, InterruptedException;

    /** What came back. {@code retryAfterS} is the header Retry-After in seconds; 0 without one. */
    final class Answer {
        public final int status;
        public final String body;
        public final long retryAfterS;

        public Answer(int status, String body, long retryAfterS) {
            this.status = status;
            this.body = body;
            this.retryAfterS = retryAfterS;
        }
    }
}
