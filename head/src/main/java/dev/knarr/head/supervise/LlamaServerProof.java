// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds out whether a llama-server can use the workers, by letting it list their devices through
 * these addresses. Nothing less is proof: a build without RPC takes the argument and ignores it,
 * and the version of the protocol is only known to the library it loads. Any thread.
 */
final class LlamaServerProof {

  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration TICK = Duration.ofMillis(100);
  private static final Pattern DEVICE = Pattern.compile("^\\s*(RPC\\d+):\\s.*");
  private static final String REMEDY =
      " Use a llama-server built with ggml's RPC backend (GGML_RPC=ON) that speaks protocol 8.0,"
          + " for instance the one of Knarr's server image, or the one that scripts/llama-cpp.sh"
          + " fetches.";

  private LlamaServerProof() {}

  /**
   * Lets the program list its devices.
   *
   * @param program llama-server
   * @param servers addresses to give to it
   * @param deviceCount how many devices the workers have
   * @param lost whether a worker is lost, so that there is nothing to wait for any more
   * @return the devices that llama-server has besides them
   * @throws HeadException with {@link HeadReason#HEAD_IMAGE_UNSUITABLE} when it does not see them
   */
  static List<HeadDevice> prove(
      Path program, List<String> servers, int deviceCount, BooleanSupplier lost)
      throws InterruptedException {
    if (!Files.isExecutable(program)) {
      throw unsuitable(
          "There is no llama-server at " + program + ", or it cannot be executed.", null);
    }
    ChildCommand command = new ChildCommand(program, LlamaServerArguments.listDevices(servers));
    try (LlamaServerProcess child = LlamaServerProcess.start(command)) {
      int status = awaitEnd(child, program, lost);
      List<String> devices = devices(child.tail().lines());
      if (status == 0 && devices.size() == deviceCount) {
        return HeadDevice.listed(child.tail().lines());
      }
      throw unsuitable(sentence(program, child, status, devices, deviceCount), null);
    } catch (IOException e) {
      throw unsuitable(program + " cannot be started: " + e.getMessage() + ".", e);
    }
  }

  private static int awaitEnd(LlamaServerProcess child, Path program, BooleanSupplier lost)
      throws InterruptedException {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      try {
        return child.ended().get(TICK.toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        if (lost.getAsBoolean() || System.nanoTime() >= deadline) {
          throw unsuitable(
              program
                  + " --rpc … --list-devices did not end within "
                  + LIMIT.toSeconds()
                  + " s; it printed "
                  + child.tail().quote()
                  + ".",
              e);
        }
      } catch (ExecutionException e) {
        throw new IllegalStateException("The thread of llama-server failed", e);
      }
    }
  }

  /** Returns the names of the RPC devices in what {@code --list-devices} printed. */
  static List<String> devices(List<String> lines) {
    return lines.stream()
        .map(DEVICE::matcher)
        .filter(Matcher::matches)
        .map(found -> found.group(1))
        .toList();
  }

  private static String sentence(
      Path program, LlamaServerProcess child, int status, List<String> devices, int deviceCount) {
    if (status != 0) {
      return program + " cannot use the workers: " + child.obituary() + ".";
    }
    if (devices.isEmpty()) {
      return program
          + " has no RPC: it lists no device of the workers and printed "
          + child.tail().quote()
          + ".";
    }
    return program
        + " lists "
        + devices.size()
        + " of the workers' "
        + deviceCount
        + " devices: "
        + String.join(", ", devices)
        + ".";
  }

  private static HeadException unsuitable(String what, @Nullable Exception cause) {
    return new HeadException(HeadReason.HEAD_IMAGE_UNSUITABLE, what + REMEDY, cause);
  }
}
