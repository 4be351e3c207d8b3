package steeple;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The device API of a Steeple gateway, for one app on one device: register at each start, change, log in, tell what became
 * of messages, leave. Calls block: make them off the main thread. They throw {@link SteepleException} where the gateway
 * refused and IOException where it was not reached; nothing is repeated by itself.
 *
 * <p>Not safe for use by several threads at once: a device has one secret at a time, and each registration gives a new one.
 */
public final class SteepleClient {
    private static final int RECEIPTS_MAX = 20; // of one request

    private final String gateway;
    private final String publishableKey;
    private final DeviceStore store;
    private final Transport transport;

    /** @param publishableKey {@code stpl_pk_...}, which may lie in the app; never a secret key */
    public SteepleClient(String gateway, String publishableKey, DeviceStore store, Transport transport) {
        if (!publishableKey.startsWith("stpl_pk_")) throw new IllegalArgumentException("an app holds a publishable key only");
        this.gateway = gateway.replaceAll("/+$", "");
        this.publishableKey = publishableKey;
        this.store = store;
        this.transport = transport;
    }

    /**
     * What an app calls at each start, and whenever its system gives it a new token. A device that is known keeps its id,
     * person and history; one that the gateway has forgotten is registered afresh.
     */
    public Device register(Registration registration) throws SteepleException, IOException, InterruptedException {
        Device known = store.load();
        if (known == null) return enrol(registration);
        try {
            change(known, joined(registration.address, registration.more));
            return known;
        } catch (SteepleException refused) {
            if (!refused.isLost()) throw refused;
            return enrol(registration);
        }
    }

    /** Replaces the topics of this device. */
    public void setTopics(List<String> slugs) throws SteepleException, IOException, InterruptedException {
        change(device(), Map.of("topics", slugs));
    }

    /** Sets tags of this device; null takes one off. */
    public void setTags(Map<String, ?> tags) throws SteepleException, IOException, InterruptedException {
        change(device(), Map.of("tags", tags));
    }

    /** Says whose device this is. The shop's server signs; {@code expires} in seconds since 1970. */
    public void login(String externalId, String signature, long expires)
        throws SteepleException, IOException, InterruptedException {
        Map<String, Object> proof = Map.of("external_id", externalId, "signature", signature, "expires", expires);
        call("POST", pathOf(device()) + "/identity", device().secret, proof);
    }

    /** The device stays; whose it is is forgotten. */
    public void logout() throws SteepleException, IOException, InterruptedException {
        call("DELETE", pathOf(device()) + "/identity", device().secret, null);
    }

    /**
     * Tells what became of messages, by the tokens in their payloads ({@code steeple.t} of Apple's, the JSON text
     * {@code data.steeple} of Firebase's).
     *
     * @param kind "shown", "clicked" or "closed"
     */
    public void report(String kind, List<String> tokens) throws SteepleException, IOException, InterruptedException {
        for (int from = 0; from < tokens.size(); from += RECEIPTS_MAX) {
            List<String> some = tokens.subList(from, Math.min(from + RECEIPTS_MAX, tokens.size()));
            Object[] receipts = some.stream().map(token -> Map.of("token", token, "kind", kind)).toArray();
            call("POST", "/v1/receipts", null, Map.of("receipts", List.of(receipts)));
        }
    }

    /**
     * Tells what happened, as the person's who is logged in here, else as the device's own.
     *
     * @param id of the app's own making: told twice under one id it counts once, so a call that failed may be repeated
     * @param properties texts, numbers, booleans, lists and maps; e-commerce events by their usual names (value, currency,
     *     items)
     */
    public void track(String id, String name, Map<String, ?> properties)
        throws SteepleException, IOException, InterruptedException {
        Device known = device();
        Map<String, Object> event = Map.of("id", id, "name", name, "properties", properties);
        call("POST", "/v1/events", known.secret, Map.of("subscription", known.id, "events", List.of(event)));
    }

    /** Ends it, here and at the gateway. What the gateway no longer knows has left already. */
    public void leave() throws SteepleException, IOException, InterruptedException {
        try {
            call("DELETE", pathOf(device()), device().secret, null);
        } catch (SteepleException refused) {
            if (!refused.isLost()) throw refused;
        }
        store.save(null);
    }

    private Device enrol(Registration registration) throws SteepleException, IOException, InterruptedException {
        Map<String, Object> body = joined(Map.of("channel", registration.channel), registration.address);
        Map<?, ?> answer = call("POST", "/v1/subscriptions", publishableKey, joined(body, registration.more));
        Device made = new Device((String) answer.get("id"), (String) answer.get("secret"));
        store.save(made);
        return made;
    }

    private void change(Device known, Map<String, ?> fields) throws SteepleException, IOException, InterruptedException {
        call("PATCH", pathOf(known), known.secret, fields);
    }

    private Device device() {
        Device known = store.load();
        if (known == null) throw new IllegalStateException("register first");
        return known;
    }

    private static String pathOf(Device known) {
        return "/v1/subscriptions/" + known.id;
    }

    private static Map<String, Object> joined(Map<String, ?> one, Map<String, ?> other) {
        Map<String, Object> both = new LinkedHashMap<>(one);
        both.putAll(other);
        return both;
    }

    private Map<?, ?> call(String method, String path, String bearer, Map<String, ?> body)
        throws SteepleException, IOException, InterruptedException {
        String text = body == null ? null : Json.write(body);
        Transport.Answer answer = transport.send(method, gateway + path, bearer, text);
        Map<?, ?> said = readMap(answer.body);
        if (answer.status < 200 || answer.status > 299) throw refusal(answer, said);
        return said;
    }

    /** An answer that is no JSON object is a proxy's page, or empty: it says nothing. */
    private static Map<?, ?> readMap(String body) {
        try {
            Object said = body == null || body.isEmpty() ? null : Json.read(body);
            return said instanceof Map ? (Map<?, ?>) said : Map.of();
        } catch (IllegalArgumentException notOurs) {
            return Map.of();
        }
    }

    private static SteepleException refusal(Transport.Answer answer, Map<?, ?> said) {
        Object found = said.get("error");
        Map<?, ?> error = found instanceof Map ? (Map<?, ?>) found : Map.of();
        String code = String.valueOf(error.get("code"));
        String message = String.valueOf(error.get("message"));
        return new SteepleException(answer.status, code, (String) error.get("param"), message, answer.retryAfterS);
    }
}
