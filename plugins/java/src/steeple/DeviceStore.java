package steeple;

/** Where an app keeps its device between starts: the keychain, encrypted preferences, or the like. */
public interface DeviceStore {
    /** What was saved last; null before the first registration and after leaving. */
    Device load();

    /** Saves; null forgets. */
    void save(Device device);
}
