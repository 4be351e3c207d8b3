import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import steeple.Device;
import steeple.DeviceStore;
import steeple.HttpTransport;
import steeple.Registration;
import steeple.SteepleClient;
import steeple.SteepleException;

/**
 * The app of the journey of device clients: does what each line of its input says, and answers with one line.
 * sdk-js/test/drivers/device.mjs is the same in JavaScript.
 */
public final class Driver {
    private static final class Memory implements DeviceStore {
        private Device kept;

        @Override
        public Device load() {
            return kept;
        }

        @Override
        public void save(Device device) {
            kept = device;
        }
    }

    public static void main(String[] words) throws Exception {
        Memory memory = new Memory();
        SteepleClient client = new SteepleClient(words[0], words[1], memory, new HttpTransport());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(answer(client, memory, line.split(" ")));
            System.out.flush();
        }
    }

    private static String answer(SteepleClient client, Memory memory, String[] words) throws Exception {
        try {
            run(client, memory, words);
            return "ok " + (memory.kept == null ? "nobody" : memory.kept.id);
        } catch (SteepleException refused) {
            return "refused " + refused.code + " " + refused.param + " " + refused.isPassing();
        } catch (IllegalStateException notYet) {
            return "not yet";
        }
    }

    private static void run(SteepleClient client, Memory memory, String[] words) throws Exception {
        List<String> rest = Arrays.asList(words).subList(1, words.length);
        switch (words[0]) {
            case "register": client.register(Registration.fcm(rest.get(0)).language("nl").timezone("Europe/Amsterdam")); break;
            case "topics": client.setTopics(rest); break;
            case "tags": client.setTags(tagsOf(rest)); break;
            case "login": client.login(rest.get(0), rest.get(1), Long.parseLong(rest.get(2))); break;
            case "logout": client.logout(); break;
            case "report": client.report(rest.get(0), rest.subList(1, rest.size())); break;
            case "track": client.track(rest.get(0), rest.get(1), Map.of("value", 12.5, "currency", "EUR")); break;
            case "forget": memory.save(new Device(memory.kept.id, memory.kept.secret + "x")); break;
            case "leave": client.leave(); break;
            default: throw new IllegalArgumentException(words[0]);
        }
    }

    /** "plan=gold", "old=": a text, or null. */
    private static Map<String, Object> tagsOf(List<String> words) {
        Map<String, Object> tags = new LinkedHashMap<>();
        for (String word : words) {
            String[] parts = word.split("=", 2);
            tags.put(parts[0], parts[1].isEmpty() ? null : parts[1]);
        }
        return tags;
    }
}
