package steeple;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What an app says of its device. Only the address is needed: what is left out stays as it is at the gateway. */
public final class Registration {
    final Map<String, Object> address = new LinkedHashMap<>();
    final Map<String, Object> more = new LinkedHashMap<>();
    final String channel;

    private Registration(String channel, String token) {
        this.channel = channel;
        address.put("token", token);
    }

    /** A device of Google's Firebase Cloud Messaging. */
    public static Registration fcm(String token) {
        return new Registration("fcm", token);
    }

    /** A device of Apple's; {@code environment} is "production" or "sandbox". */
    public static Registration apns(String token, String bundleId, String environment) {
        Registration made = new Registration("apns", token);
        made.address.put("bundle_id", bundleId);
        made.address.put("environment", environment);
        return made;
    }

    /** A tag of RFC 5646, such as {@code Locale.toLanguageTag()} gives. */
    public Registration language(String tag) {
        return put("language", tag);
    }

    /** A name such as "Europe/Amsterdam", as {@code ZoneId.systemDefault().getId()} gives. */
    public Registration timezone(String name) {
        return put("timezone", name);
    }

    /** Slugs; this list replaces the one there was. */
    public Registration topics(List<String> slugs) {
        return put("topics", slugs);
    }

    /** Texts, numbers, booleans or lists of texts; null takes a tag off. */
    public Registration tags(Map<String, ?> tags) {
        return put("tags", tags);
    }

    /** The words that the person agreed to. */
    public Registration consentText(String words) {
        return put("consent", Map.of("text", words));
    }

    private Registration put(String name, Object value) {
        more.put(name, value);
        return this;
    }
}
