// SPDX-License-Identifier: Apache-2.0
package dev.knarr.ggml;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import dev.knarr.ggml.GgmlFunctions.Base;
import dev.knarr.ggml.GgmlFunctions.Registry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The loaded and checked ggml library of this process: there is one, and it is never unloaded. Any
 * thread.
 *
 * <p>ggml ends the process when an assertion of its own fails. This class then logs the message and
 * exits with code {@value #ABORT_EXIT_CODE}.
 */
public final class Ggml {
  /**
   * The exit code of a process that ggml gave up: it cannot be continued, and a supervisor can tell
   * it from others.
   */
  public static final int ABORT_EXIT_CODE = 70;

  private static final Logger LOG = LoggerFactory.getLogger(Ggml.class);
  private static final int RTLD_NOW = 2;
  private static final int RTLD_GLOBAL = 0x100;

  /**
   * Backends that are not devices of this machine (RPC), or slower than ggml's own kernels (BLAS
   * over the reference implementation).
   */
  private static final Set<String> LEFT_OUT = Set.of("RPC", "BLAS");

  private static @Nullable Ggml instance;

  private final GgmlLocation location;
  private final String version;
  private final String commit;
  private final List<GgmlDevice> devices;

  private Ggml(GgmlLocation location, String version, String commit, List<GgmlDevice> devices) {
    this.location = location;
    this.version = version;
    this.commit = commit;
    this.devices = devices;
  }

  /**
   * Loads ggml and its backends, and checks that it is the ggml this program was written for.
   * Called again, it returns the same.
   *
   * @throws GgmlException LIBRARY_NOT_LOADED, LIBRARY_MISMATCH or NO_DEVICE
   */
  public static synchronized Ggml load(GgmlLocation location) {
    Ggml loaded = instance;
    if (loaded != null) {
      if (!loaded.location.equals(location)) {
        throw new GgmlException(
            GgmlFault.LIBRARY_NOT_LOADED,
            "ggml is loaded from %s already; another from %s needs a process of its own"
                .formatted(loaded.location.libraries(), location.libraries()));
      }
      return loaded;
    }
    // Without this, ggml's own crash handler forks a debugger into the JVM; it is read when the
    // library loads.
    NativeLibrary.getProcess()
        .getFunction("setenv")
        .invokeInt(new Object[] {"GGML_NO_BACKTRACE", "1", 1});
    bind(location.base(), Base.class);
    GgmlLog.install();
    bind(location.registry(), Registry.class);
    String version = Base.ggml_version();
    LibraryCheck check = LibraryCheck.run(version, location.base());
    Registry.ggml_backend_load_all_from_path(location.backends().toString());
    List<GgmlDevice> devices = findDevices();
    if (devices.isEmpty()) {
      throw new GgmlException(
          GgmlFault.NO_DEVICE,
          "ggml %s found no device, not even the CPU: are its backends in %s?"
              .formatted(version, location.backends()));
    }
    LayoutProbe.placement(check, devices.getFirst());
    loaded = new Ggml(location, version, Base.ggml_commit(), devices);
    LOG.info("ggml {} ({}) from {}: {}", version, loaded.commit, location.libraries(), devices);
    devices.forEach(device -> LOG.debug("{}: {}", device, device.features()));
    instance = loaded;
    return loaded;
  }

  /** ggml's version, such as {@code 0.27.0}. */
  public String version() {
    return version;
  }

  /** The commit it was built from, as far as the build knew it. */
  public String commit() {
    return commit;
  }

  /** The directory of the libraries. */
  public Path directory() {
    return location.libraries();
  }

  /** Every device of this machine that ggml can use, in ggml's order; never empty. */
  public List<GgmlDevice> devices() {
    return devices;
  }

  /**
   * Places the threads of CPU backends that are opened from now on; once in a process, and without
   * meaning on a machine with one memory node.
   */
  public void spreadOverNodes(NumaMode mode) {
    devices.stream()
        .filter(device -> device.kind() == GgmlDevice.Kind.CPU)
        .findFirst()
        .flatMap(cpu -> cpu.function("ggml_backend_cpu_numa_init"))
        .ifPresent(init -> init.invokeVoid(new Object[] {mode.code()}));
  }

  /** Names of operations by their code. */
  public List<String> opNames() {
    return GgmlTables.OPS;
  }

  private static void bind(Path library, Class<?> functions) {
    try {
      // Backends find the base library's symbols because it was loaded globally.
      var options = Map.of(Library.OPTION_OPEN_FLAGS, RTLD_NOW | RTLD_GLOBAL);
      Native.register(
          functions, NativeLibrary.getInstance(library.toAbsolutePath().toString(), options));
    } catch (UnsatisfiedLinkError e) {
      throw new GgmlException(
          GgmlFault.LIBRARY_NOT_LOADED,
          "%s does not load on this %s: %s. Where its C library is newer than the host's, start Java through the llama.cpp tree's bin/with-ggml, as ./knarr does; where a function is missing, use ggml %s to %s; where native access is denied, pass --enable-native-access=ALL-UNNAMED"
              .formatted(
                  library,
                  System.getProperty("os.arch"),
                  reason(e),
                  LibraryCheck.OLDEST,
                  LibraryCheck.NEWEST),
          e);
    }
  }

  /** What the dynamic linker said, which JNA gives once for every way it tried. */
  private static String reason(UnsatisfiedLinkError e) {
    return String.valueOf(e.getMessage())
        .lines()
        .map(String::strip)
        .distinct()
        .collect(Collectors.joining(" "));
  }

  private static List<GgmlDevice> findDevices() {
    List<GgmlDevice> devices = new ArrayList<>();
    for (long i = 0; i < Registry.ggml_backend_dev_count(); i++) {
      long handle = Registry.ggml_backend_dev_get(i);
      String backend = Base.ggml_backend_reg_name(Base.ggml_backend_dev_backend_reg(handle));
      // Kinds beyond the known ones combine other devices.
      Optional<GgmlDevice.Kind> kind = GgmlDevice.Kind.ofCode(Base.ggml_backend_dev_type(handle));
      if (kind.isPresent() && !LEFT_OUT.contains(backend)) {
        devices.add(new GgmlDevice(devices.size(), handle, kind.get()));
      }
    }
    return List.copyOf(devices);
  }
}
