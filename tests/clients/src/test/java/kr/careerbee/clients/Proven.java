package kr.careerbee.clients;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/** Says at the end what was proven, and what was not. */
class Proven implements TestWatcher, AfterAllCallback {

    private final List<String> lines = new ArrayList<>();

    @Override
    public void testSuccessful(ExtensionContext test) {
        lines.add("proven:     " + test.getDisplayName());
    }

    @Override
    public void testFailed(ExtensionContext test, Throwable cause) {
        lines.add("NOT PROVEN: " + test.getDisplayName());
    }

    @Override
    public void afterAll(ExtensionContext all) {
        lines.forEach(System.out::println);
    }
}
