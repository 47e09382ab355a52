// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.process;

import dev.knarr.testkit.kube.ApiServer;
import dev.knarr.testkit.kube.KubePrograms;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRole;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The operator's ServiceAccount with what the chart grants it, on an API server that has the
 * chart's definition, too. Immutable.
 *
 * @param kubeconfig what a process needs to act as it
 * @param granted each verb and resource that the chart grants, as {@code VERB GROUP/RESOURCE}
 */
record OperatorAccount(Path kubeconfig, Set<String> granted) {
  /** Where the operator and its lease live. */
  static final String NAMESPACE = "knarr-system";

  /** Its name in the audit log. */
  static final String USER = "system:serviceaccount:knarr-system:knarr";

  private static final Set<String> KINDS =
      Set.of(
          "CustomResourceDefinition",
          "ServiceAccount",
          "Role",
          "RoleBinding",
          "ClusterRole",
          "ClusterRoleBinding");

  /**
   * Makes it.
   *
   * @param folder where its kubeconfig is written
   * @param settings of the chart, as {@code KEY=VALUE}
   */
  static OperatorAccount install(ApiServer server, Path folder, String... settings) {
    try {
      var namespace =
          new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build();
      server.client().resource(namespace).create();
      var objects = objects(server, render(settings));
      var file = Files.writeString(folder.resolve("chart.yaml"), yaml(objects));
      server.kubectl("apply", "--server-side", "-f", file.toString());
      server.awaitKind("inferenceclusters.knarr.dev");
      var token = server.kubectl("create", "token", "knarr", "-n", NAMESPACE).strip();
      return new OperatorAccount(
          Files.writeString(folder.resolve("operator.kubeconfig"), kubeconfig(server, token)),
          granted(objects));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The same with another way to the API server. */
  OperatorAccount through(Door door) {
    try {
      var file = kubeconfig.resolveSibling("through-door.kubeconfig");
      var text = Files.readString(kubeconfig).replaceFirst("server: \"[^\"]*\"", "server: \"%s\"");
      return new OperatorAccount(Files.writeString(file, text.formatted(door.url())), granted);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String render(String... settings) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                KubePrograms.program("helm").toString(),
                "template",
                "knarr",
                "../helm/knarr",
                "--namespace",
                NAMESPACE));
    for (var setting : settings) {
      command.addAll(List.of("--set", setting));
    }
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    process.getOutputStream().close();
    var text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.onExit().join().exitValue() != 0) {
      throw new IllegalStateException(command + " failed");
    }
    return text;
  }

  /** Not the operator itself, which runs as a process. */
  private static List<HasMetadata> objects(ApiServer server, String yaml) {
    var stream = new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8));
    return server.client().load(stream).items().stream()
        .filter(object -> KINDS.contains(object.getKind()))
        .toList();
  }

  private static String yaml(List<HasMetadata> objects) {
    return String.join("", objects.stream().map(Serialization::asYaml).toList());
  }

  private static String kubeconfig(ApiServer server, String token) {
    var admin = Config.fromKubeconfig(server.kubeconfig());
    return """
        apiVersion: v1
        kind: Config
        clusters: [{ name: test, cluster: { server: "%s", certificate-authority: "%s" } }]
        users: [{ name: operator, user: { token: %s } }]
        contexts: [{ name: test, context: { cluster: test, user: operator, namespace: %s } }]
        current-context: test
        """
        .formatted(admin.getMasterUrl(), admin.getCaCertFile(), token, NAMESPACE);
  }

  /** People's roles are in the chart, too. */
  private static Set<String> granted(List<HasMetadata> objects) {
    var granted = new TreeSet<String>();
    for (var object : objects) {
      var name = object.getMetadata().getName();
      var rules =
          switch (object) {
            case Role role -> role.getRules();
            case ClusterRole role when name.equals("knarr:" + NAMESPACE) -> role.getRules();
            default -> List.<PolicyRule>of();
          };
      rules.forEach(rule -> pairs(rule).forEach(granted::add));
    }
    return granted;
  }

  private static Stream<String> pairs(PolicyRule rule) {
    return rule.getVerbs().stream()
        .flatMap(
            verb ->
                rule.getApiGroups().stream()
                    .flatMap(
                        group ->
                            rule.getResources().stream()
                                .map(resource -> "%s %s/%s".formatted(verb, group, resource))));
  }
}
