package steeple;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** Requests by java.net.http (Java 11). Redirects are not followed: a secret goes to the gateway and to nobody else. */
public final class HttpTransport implements Transport {
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(15);

    private final HttpClient client = HttpClient.newBuilder()
        .connectTimeout(CONNECT_LIMIT).followRedirects(HttpClient.Redirect.NEVER).build();

    @Override
    public Answer send(String method, String url, String bearer, String body) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(ANSWER_LIMIT)
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (body != null) request.header("Content-Type", "application/json");
        if (bearer != null) request.header("Authorization", "Bearer " + bearer);
        HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString());
        return new Answer(answer.statusCode(), answer.body(), secondsOf(answer.headers().firstValue("Retry-After").orElse("0")));
    }

    private static long secondsOf(String header) {
        try {
            return Long.parseLong(header.trim());
        } catch (NumberFormatException date) {
            return 0; // the gateway always says seconds; a proxy in between may give a date
        }
    }
}
