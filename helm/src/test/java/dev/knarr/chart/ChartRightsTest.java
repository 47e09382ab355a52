// SPDX-License-Identifier: Apache-2.0
package dev.knarr.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the chart grants, to the operator and to people. */
class ChartRightsTest {
  private static final List<String> READ = List.of("get", "list", "watch");

  @Nested
  class GivenTheRights {
    @Test
    void whenTheOperatorSeesAllNamespaces_thenNoRightIsMoreThanItNeeds() {
      var rules = Chart.render().object("ClusterRole knarr:knarr-system").at("/rules");

      assertThat(rules.toString()).doesNotContain("*");
      assertThat(verbs(rules, "inferenceclusters")).containsExactly("list", "watch");
      assertThat(verbs(rules, "inferenceclusters/status")).containsExactly("patch");
      assertThat(verbs(rules, "secrets")).doesNotContain("list", "watch", "update");
      assertThat(verbs(rules, "persistentvolumeclaims")).doesNotContain("delete");
      assertThat(verbs(rules, "nodes")).containsExactly("get");
      assertThat(verbs(rules, "leases")).isEmpty();
      assertThat(verbs(rules, "pods")).containsExactly("list", "watch", "delete");
    }

    @Test
    void whenARuleIsRead_thenItsReasonStandsBeforeIt() {
      var lines = Chart.render().text().lines().toList();

      var rules = 0;
      for (int i = 1; i < lines.size(); i++) {
        if (lines.get(i).startsWith("- apiGroups: [") && inOperatorsRole(lines, i)) {
          rules++;
          assertThat(reasonAbove(lines, i)).as("a reason for %s", lines.get(i + 1)).isTrue();
        }
      }
      assertThat(rules).isGreaterThan(10);
    }

    @Test
    void whenNamespacesAreGiven_thenTheRightsEndThere() {
      var rendered =
          Chart.render("--set", "watch.namespaces={ai,lab,ai}", "--set", "roles.create=false");

      assertThat(rendered.names())
          .contains(
              "Role ai/knarr", "RoleBinding ai/knarr", "Role lab/knarr", "RoleBinding lab/knarr")
          .doesNotHaveDuplicates()
          .noneMatch(name -> name.startsWith("ClusterRole"));
      var role = rendered.object("Role ai/knarr").at("/rules");
      assertThat(verbs(role, "nodes")).isEmpty();
      assertThat(verbs(role, "statefulsets")).contains("create", "patch", "delete");
      assertThat(rendered.object("RoleBinding ai/knarr").at("/subjects/0/namespace").asText())
          .isEqualTo("knarr-system");
      assertThat(rendered.env("QUARKUS_OPERATOR_SDK_NAMESPACES")).isEqualTo("ai,lab");
    }

    @Test
    void whenTheLeaseIsTaken_thenOnlyThisOneCanBe() {
      var rules = Chart.render().object("Role knarr-system/knarr-leader").at("/rules");

      assertThat(rules).hasSize(2);
      assertThat(Chart.texts(rules.at("/0/resourceNames"))).containsExactly("knarr-operator");
      assertThat(Chart.texts(rules.at("/1/verbs"))).containsExactly("create");
    }

    @ParameterizedTest
    @CsvSource({"view,false,false", "edit,true,false", "admin,true,true"})
    void whenPeopleGetARole_thenItIsPartOfKubernetesOwn(
        String role, boolean writes, boolean deletesAll) {
      var object = Chart.render().object("ClusterRole knarr:knarr-system:" + role);
      var verbs = verbs(object.at("/rules"), "inferenceclusters");

      assertThat(
              object
                  .at("/metadata/labels")
                  .get("rbac.authorization.k8s.io/aggregate-to-" + role)
                  .asText())
          .isEqualTo("true");
      assertThat(verbs).containsAll(READ);
      assertThat(verbs.contains("patch")).isEqualTo(writes);
      assertThat(verbs(object.at("/rules"), "inferenceclusters/scale").contains("patch"))
          .isEqualTo(writes);
      assertThat(verbs.contains("deletecollection")).isEqualTo(deletesAll);
      assertThat(verbs(object.at("/rules"), "inferenceclusters/status")).containsExactly("get");
    }

    @Test
    void whenAggregationIsNotWanted_thenTheRolesStandAlone() {
      assertThat(Chart.render("--set", "roles.aggregate=false").text())
          .contains("knarr:knarr-system:view")
          .doesNotContain("aggregate-to");
    }

    @Test
    void whenTheAccountIsSomebodyElses_thenItIsUsed() {
      var rendered =
          Chart.render("--set", "serviceAccount.create=false", "--set", "serviceAccount.name=mine");

      assertThat(rendered.names()).noneMatch(name -> name.startsWith("ServiceAccount"));
      assertThat(rendered.operator().at("/serviceAccountName").asText()).isEqualTo("mine");
      assertThat(rendered.object("ClusterRoleBinding knarr:knarr-system").at("/subjects/0/name"))
          .hasToString("\"mine\"");
    }

    @Test
    void whenTheAccountIsNotNamed_thenASentenceSaysSo() {
      var result = Chart.template("--set", "serviceAccount.create=false");

      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).contains("set serviceAccount.name to one that is there");
    }
  }

  private static boolean inOperatorsRole(List<String> lines, int line) {
    for (int i = line; i >= 0; i--) {
      if (lines.get(i).startsWith("# Source: ")) {
        return lines.get(i).endsWith("operator-rbac.yaml")
            || lines.get(i).endsWith("leader-rbac.yaml");
      }
    }
    return false;
  }

  /** A reason holds for the rules up to the next one. */
  private static boolean reasonAbove(List<String> lines, int rule) {
    for (int i = rule - 1; i > 0; i--) {
      if (lines.get(i).startsWith("# ")) {
        return true;
      }
      if (lines.get(i).startsWith("rules:")) {
        return false;
      }
    }
    return false;
  }

  private static List<String> verbs(JsonNode rules, String resource) {
    return StreamSupport.stream(rules.spliterator(), false)
        .filter(rule -> Chart.texts(rule.at("/resources")).contains(resource))
        .flatMap(rule -> Chart.texts(rule.at("/verbs")).stream())
        .toList();
  }
}
