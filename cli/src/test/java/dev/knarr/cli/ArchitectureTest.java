// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;

/**
 * Holds the modules apart: dependencies point one way, and each outside world has one door. When a
 * rule stops you, move the class to where it belongs, or change the table of the style guide first.
 */
@AnalyzeClasses(packages = "dev.knarr", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule rpc_needs_only_the_jdk_and_jspecify =
      classes()
          .that()
          .resideInAPackage("dev.knarr.rpc..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("java..", "javax.net.ssl..", "org.jspecify..", "dev.knarr.rpc..");

  @ArchTest
  static final ArchRule native_knows_no_other_module =
      classes()
          .that()
          .resideInAnyPackage("dev.knarr.ggml..", "dev.knarr.os..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "java..",
              "org.jspecify..",
              "org.slf4j..",
              "com.sun.management..",
              "com.sun.jna..",
              "com.fasterxml.jackson..",
              "dev.knarr.ggml..",
              "dev.knarr.os..");

  @ArchTest
  static final ArchRule plan_knows_no_other_module =
      classes()
          .that()
          .resideInAnyPackage("dev.knarr.gguf..", "dev.knarr.plan..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("java..", "org.jspecify..", "dev.knarr.gguf..", "dev.knarr.plan..");

  @ArchTest
  static final ArchRule crds_know_no_other_module =
      noClasses()
          .that()
          .resideInAPackage("dev.knarr.api..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.knarr.rpc..",
              "dev.knarr.ggml..",
              "dev.knarr.os..",
              "dev.knarr.gguf..",
              "dev.knarr.plan..",
              "dev.knarr.worker..",
              "dev.knarr.head..",
              "dev.knarr.cli..");

  @ArchTest
  static final ArchRule worker_and_head_know_neither_each_other_nor_kubernetes =
      noClasses()
          .that()
          .resideInAPackage("dev.knarr.worker..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.knarr.head..", "dev.knarr.cli..", "dev.knarr.api..");

  @ArchTest
  static final ArchRule head_knows_neither_worker_nor_kubernetes =
      noClasses()
          .that()
          .resideInAPackage("dev.knarr.head..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.knarr.worker..", "dev.knarr.cli..", "dev.knarr.api..");

  @ArchTest
  static final ArchRule head_does_not_load_ggml =
      noClasses()
          .that()
          .resideInAPackage("dev.knarr.head..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.knarr.ggml..");

  @ArchTest
  static final ArchRule only_native_sees_jna =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.knarr.ggml..", "dev.knarr.os..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.sun.jna..");

  @ArchTest
  static final ArchRule certs_knows_no_other_module =
      classes()
          .that()
          .resideInAPackage("dev.knarr.certs..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "java..",
              "javax.security.auth.x500",
              "org.jspecify..",
              "org.bouncycastle..",
              "dev.knarr.certs..");

  @ArchTest
  static final ArchRule only_certs_sees_bouncycastle =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.knarr.certs..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.bouncycastle..");

  @ArchTest
  static final ArchRule only_operator_and_crds_see_fabric8 =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "dev.knarr.api..", "dev.knarr.operator..", "dev.knarr.testkit.kube..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.fabric8..");

  @ArchTest
  static final ArchRule packages_have_no_cycles =
      slices().assignedFrom(new Packages()).should().beFreeOfCycles();

  /** Each package by itself, but for the two that hold the words of the wire together. */
  private static final class Packages implements SliceAssignment {
    @Override
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      // A request is made of tensors, and a tensor's faults are those of the protocol.
      return SliceIdentifier.of(
          type.getPackageName().equals("dev.knarr.rpc.tensor")
              ? "dev.knarr.rpc"
              : type.getPackageName());
    }

    @Override
    public String getDescription() {
      return "packages";
    }
  }
}
