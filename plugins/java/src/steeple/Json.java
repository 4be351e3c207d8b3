package steeple;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON (RFC 8259) as far as the device API needs it: maps, lists, strings, numbers, booleans and null. No dependency,
 * because an app has a JSON library of its own already, and it is never the same one.
 */
final class Json {
    private static final int DEPTH_MAX = 32;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The text of a value; throws IllegalArgumentException for a type that JSON has no word for. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(out, value);
        return out.toString();
    }

    /** The value of a text: a Map, List, String, BigDecimal, Boolean or null. Throws IllegalArgumentException. */
    static Object read(String text) {
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.skipSpace();
        if (reader.at < text.length()) throw reader.fault("more than one value");
        return value;
    }

    private static void write(StringBuilder out, Object value) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            out.append(value);
        } else if (value instanceof Number) {
            writeNumber(out, ((Number) value).doubleValue());
        } else if (value instanceof CharSequence) {
            writeString(out, value.toString());
        } else if (value instanceof Map) {
            writeMap(out, (Map<?, ?>) value);
        } else if (value instanceof Iterable) {
            writeList(out, (Iterable<?>) value);
        } else {
            throw new IllegalArgumentException("no JSON for " + value.getClass());
        }
    }

    private static void writeNumber(StringBuilder out, double number) {
        if (Double.isNaN(number) || Double.isInfinite(number)) throw new IllegalArgumentException("no JSON for " + number);
        out.append(number);
    }

    private static void writeMap(StringBuilder out, Map<?, ?> map) {
        String comma = "";
        out.append('{');
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            out.append(comma);
            writeString(out, String.valueOf(entry.getKey()));
            out.append(':');
            write(out, entry.getValue());
            comma = ",";
        }
        out.append('}');
    }

    private static void writeList(StringBuilder out, Iterable<?> list) {
        String comma = "";
        out.append('[');
        for (Object value : list) {
            out.append(comma);
            write(out, value);
            comma = ",";
        }
        out.append(']');
    }

    private static void writeString(StringBuilder out, String string) {
        out.append('"');
        for (int place = 0; place < string.length(); place++) {
            char letter = string.charAt(place);
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter < ' ' || Character.isSurrogate(letter)) {
                out.append(String.format("\\u%04x", (int) letter)); // half of a pair alone cannot be sent as UTF-8
            } else {
                out.append(letter);
            }
        }
        out.append('"');
    }

    private Object value(int depth) {
        if (depth > DEPTH_MAX) throw fault("nested too deeply");
        skipSpace();
        switch (peek()) {
            case '{': return map(depth);
            case '[': return list(depth);
            case '"': return string();
            case 't': return word("true", Boolean.TRUE);
            case 'f': return word("false", Boolean.FALSE);
            case 'n': return word("null", null);
            default: return number();
        }
    }

    private Map<String, Object> map(int depth) {
        Map<String, Object> map = new LinkedHashMap<>();
        take('{');
        if (ends('}')) return map;
        do {
            skipSpace();
            String key = string();
            skipSpace();
            take(':');
            map.put(key, value(depth + 1));
        } while (goesOn('}'));
        return map;
    }

    private List<Object> list(int depth) {
        List<Object> list = new ArrayList<>();
        take('[');
        if (ends(']')) return list;
        do {
            list.add(value(depth + 1));
        } while (goesOn(']'));
        return list;
    }

    private String string() {
        StringBuilder out = new StringBuilder();
        take('"');
        for (char letter = next(); letter != '"'; letter = next()) {
            if (letter < ' ') throw fault("a control character in a string");
            out.append(letter == '\\' ? escaped() : letter);
        }
        return out.toString();
    }

    private char escaped() {
        char letter = next();
        switch (letter) {
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u': return unicode();
            case '"':
            case '\\':
            case '/': return letter;
            default: throw fault("no such escape");
        }
    }

    private char unicode() {
        int code = 0;
        for (int digits = 0; digits < 4; digits++) {
            int digit = Character.digit(next(), 16);
            if (digit < 0) throw fault("no hexadecimal digit");
            code = code * 16 + digit;
        }
        return (char) code;
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
        try {
            return new BigDecimal(text.substring(start, at));
        } catch (NumberFormatException notOne) {
            throw fault("no JSON value");
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw fault("no JSON value");
        at += word.length();
        return value;
    }

    private boolean ends(char bracket) {
        skipSpace();
        if (peek() != bracket) return false;
        at++;
        return true;
    }

    private boolean goesOn(char bracket) {
        skipSpace();
        char letter = next();
        if (letter != ',' && letter != bracket) throw fault("expected , or " + bracket);
        return letter == ',';
    }

    private void skipSpace() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private void take(char wanted) {
        if (next() != wanted) throw fault("expected " + wanted);
    }

    private char next() {
        char letter = peek();
        at++;
        return letter;
    }

    private char peek() {
        if (at >= text.length()) throw fault("it ends too early");
        return text.charAt(at);
    }

    private IllegalArgumentException fault(String what) {
        return new IllegalArgumentException("not JSON: " + what + ", at " + at);
    }
}
