package steeple;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the small JSON of the client reads and writes; ends with an AssertionError at the first fault. */
public final class JsonTest {
    private static final List<String> NOT_JSON = List.of(
        "", " ", "{", "{\"a\"}", "{\"a\":1,}", "[1,]", "[1 2]", "nul", "tru e", "\"a", "\"\\x\"", "\"\\u12g4\"", "1 2", "--1",
        "{a:1}", "\"\n\"", "[".repeat(100));

    public static void main(String[] words) {
        readsWhatTheGatewaySays();
        writesWhatItReads();
        refusesWhatIsNone();
        System.out.println("json ok");
    }

    private static void readsWhatTheGatewaySays() {
        Map<?, ?> said = (Map<?, ?>) Json.read(" {\"id\": \"sub_1\", \"n\": -1.5e2, \"ok\": [true, false, null], \"o\": {}, \"l\": []} ");
        check("sub_1".equals(said.get("id")) && "-1.5E+2".equals(said.get("n").toString()), said);
        check(Arrays.asList(true, false, null).equals(said.get("ok")), said);
        check(((Map<?, ?>) said.get("o")).isEmpty() && ((List<?>) said.get("l")).isEmpty(), said);
        check("é\n\"\\/\u0001 \uD83D\uDD14".equals(Json.read("\"\\u00e9\\n\\\"\\\\\\/\\u0001 \\ud83d\\udd14\"")), "escapes");
    }

    private static void writesWhatItReads() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("text", "é \"quoted\" \\ \u0007 \uD83D\uDD14 lone \uD800");
        map.put("null", null);
        map.put("list", Arrays.asList(1, 2L, 0.5, true));
        check(Json.write(map).endsWith("\"null\":null,\"list\":[1,2,0.5,true]}"), Json.write(map));
        check(map.get("text").equals(((Map<?, ?>) Json.read(Json.write(map))).get("text")), Json.write(map));
        for (Object none : new Object[] {new Object(), Double.NaN, Float.POSITIVE_INFINITY}) {
            refused(() -> Json.write(none), none);
        }
    }

    private static void refusesWhatIsNone() {
        for (String text : NOT_JSON) refused(() -> Json.read(text), text);
    }

    private static void refused(Runnable work, Object what) {
        try {
            work.run();
        } catch (IllegalArgumentException expected) {
            return;
        }
        throw new AssertionError("taken: " + what);
    }

    private static void check(boolean isSo, Object what) {
        if (!isSo) throw new AssertionError(what);
    }
}
