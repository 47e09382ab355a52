// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.os.TiedExec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A program of llama.cpp with its arguments, and how it is started: tied to this process, in a
 * clean environment. Immutable.
 *
 * @param program the program
 * @param arguments its arguments
 * @param apiKey what a llama-server is to ask for; null for nothing
 */
record ChildCommand(Path program, List<String> arguments, @Nullable String apiKey) {

  private static final String API_KEY = "LLAMA_API_KEY";

  /** A program that asks for no key. */
  ChildCommand(Path program, List<String> arguments) {
    this(program, arguments, null);
  }

  ChildCommand {
    arguments = List.copyOf(arguments);
  }

  /**
   * Returns a builder that starts the program with output and errors joined. The child dies when
   * the <em>thread</em> that starts it ends, so start it from one that lives as long.
   */
  ProcessBuilder processBuilder() {
    ProcessBuilder builder =
        new ProcessBuilder(TiedExec.command(program, arguments)).redirectErrorStream(true);
    clean(builder.environment());
    // Not by an argument, which every user of the machine can read, nor by a file, which stays.
    if (apiKey != null) {
      builder.environment().put(API_KEY, apiKey);
    }
    return builder;
  }

  /**
   * Takes away what would change llama-server's arguments behind the plan's back: images set
   * LLAMA_ARG_… for their own default start. A crash must neither fork a debugger nor wait for one.
   */
  static void clean(Map<String, String> environment) {
    environment
        .keySet()
        .removeIf(
            name ->
                name.startsWith("LLAMA_ARG_")
                    || name.startsWith("GGML_")
                    || name.equals(API_KEY)
                    || name.equals("HF_TOKEN")
                    || name.equals("MTMD_BACKEND_DEVICE")
                    || name.startsWith("KNARR_"));
    environment.put("GGML_NO_BACKTRACE", "1");
  }
}
