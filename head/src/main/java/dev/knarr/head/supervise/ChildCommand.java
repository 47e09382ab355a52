// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.os.TiedExec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A program of llama.cpp with its arguments, and how it is started: tied to this process, in a
 * clean environment. Immutable.
 *
 * @param program the program
 * @param arguments its arguments
 */
record ChildCommand(Path program, List<String> arguments) {

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
                    || name.equals("LLAMA_API_KEY")
                    || name.equals("HF_TOKEN")
                    || name.equals("MTMD_BACKEND_DEVICE")
                    || name.startsWith("KNARR_"));
    environment.put("GGML_NO_BACKTRACE", "1");
  }
}
