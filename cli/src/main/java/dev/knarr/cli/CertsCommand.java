// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.cli.certs.CertificateFolder;
import dev.knarr.cli.certs.HostName;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code knarr certs}: a CA and certificates, and what to do with them. */
@Command(
    name = "certs",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Makes a CA, a certificate for each worker's host and one for the head, and says what to run on each machine. Run it again to add hosts or to renew: the CA and all keys stay.",
      ""
    })
final class CertsCommand implements Callable<Integer> {
  private static final int PORT = 50052;

  @SuppressWarnings("NullAway.Init") // picocli fills it.
  @Spec
  private CommandSpec spec;

  @Parameters(
      paramLabel = "HOST",
      arity = "1..*",
      description = "A worker's host, by the name or address that --worker will say.")
  private List<String> hosts = List.of();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Folder of the files. Default: knarr-certs.")
  private Path folder = Path.of("knarr-certs");

  CertsCommand() {}

  @Override
  public Integer call() {
    var names = new ArrayList<HostName>();
    for (var host : hosts) {
      try {
        names.add(HostName.of(host));
      } catch (IllegalArgumentException e) {
        throw CommandFailure.usage(e.getMessage() + ".");
      }
    }
    var made = CertificateFolder.issue(folder, names, Clock.systemUTC());
    var out = spec.commandLine().getOut();
    steps(names, made).forEach(out::println);
    out.flush();
    return 0;
  }

  /** What was made and what comes next, to be copied line by line. */
  private static List<String> steps(List<HostName> hosts, CertificateFolder.Made made) {
    var lines = new ArrayList<String>();
    lines.add(
        "%s, valid until %s. Certificates of %s and the head, valid until %s."
            .formatted(
                made.newAuthority() ? "A new CA" : "The CA of before",
                date(made.authority()),
                String.join(", ", hosts.stream().map(HostName::name).toList()),
                date(made.head())));
    lines.add("");
    lines.add("1. From here, copy to each worker what is its own:");
    for (int i = 0; i < hosts.size(); i++) {
      lines.add(
          "     scp %s %s %s %s:"
              .formatted(
                  made.authority().certificate(),
                  made.workers().get(i).certificate(),
                  made.workers().get(i).key(),
                  hosts.get(i).beforeColon()));
    }
    lines.add("");
    lines.add("2. There, start the worker (one that runs with these files reads them by itself):");
    for (int i = 0; i < hosts.size(); i++) {
      lines.add(
          "     %s$ ./knarr worker --host 0.0.0.0 --tls-cert %s --tls-key %s --tls-client-ca %s"
              .formatted(
                  hosts.get(i).name(),
                  made.workers().get(i).certificate().getFileName(),
                  made.workers().get(i).key().getFileName(),
                  made.authority().certificate().getFileName()));
    }
    lines.add("");
    lines.add("3. Here, start the head over them:");
    var workers = new StringBuilder();
    hosts.forEach(
        host -> workers.append(" --worker ").append(host.beforeColon()).append(':').append(PORT));
    lines.add(
        "     ./knarr up FILE%s --tls-ca %s --tls-cert %s --tls-key %s"
            .formatted(
                workers,
                made.authority().certificate(),
                made.head().certificate(),
                made.head().key()));
    lines.add("");
    lines.add(
        "Keep %s to yourself: who has it can make certificates that all of them trust."
            .formatted(made.authority().key()));
    return lines;
  }

  private static String date(CertificateFolder.Party party) {
    return party.expires().atZone(ZoneOffset.UTC).toLocalDate().toString();
  }
}
